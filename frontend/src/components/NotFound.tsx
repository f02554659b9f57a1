import { Link } from '@tanstack/react-router'
import { Plain } from './Plain'

export function NotFound() {
  return (
    <Plain title="There is no such page" lead="The address may be mistyped, or the page has moved.">
      <Link to="/">To the dashboard</Link>
    </Plain>
  )
}
