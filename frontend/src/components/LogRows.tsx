import { Fragment, memo } from 'react'
import type { LogLine, Run } from '../types/api.gen'
import { LogRow } from './LogRow'
import { RunMark } from './RunMark'

interface Props {
  lines: readonly LogLine[]
  /** True when the first of these is the first that the deck keeps. */
  begins: boolean
  runs: ReadonlyMap<string, Run>
}

/** The lines with a mark between runs. Drawn anew only when they change: a paused list may be long. */
export const LogRows = memo(function LogRows({ lines, begins, runs }: Props) {
  return (
    <ol>
      {lines.map((line, index) => {
        const before = lines[index - 1]?.run
        return (
          <Fragment key={line.id}>
            {(before === undefined ? begins : line.run !== before) && (
              <RunMark run={line.run} before={before} runs={runs} />
            )}
            <LogRow line={line} />
          </Fragment>
        )
      })}
    </ol>
  )
})
