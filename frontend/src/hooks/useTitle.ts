import { useEffect } from 'react'
import { type Look } from '../lib/states'
import { deckUrl } from '../services/address'

/** The tab's title and icon. */
export function useTitle(title: string, look: Look = 'unknown'): void {
  useEffect(() => {
    document.title = title
  }, [title])
  useEffect(() => {
    const icon = document.querySelector<HTMLLinkElement>('link[rel=icon]')
    if (icon) icon.href = deckUrl(`icons/${look}.svg`).href
  }, [look])
}
