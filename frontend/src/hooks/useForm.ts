import { type ChangeEvent, type SubmitEvent, useState } from 'react'

type Values<F extends string> = Record<F, string>

interface Options<F extends string> {
  fields: readonly F[]
  /** What is wrong with each field, in words. */
  check: (values: Values<F>) => Partial<Record<F, string | undefined>>
  /** What it throws is shown over the form. */
  send: (values: Values<F>) => Promise<void>
}

/** A small form: checked when it is sent, and from then on while it is typed. */
export function useForm<F extends string>({ fields, check, send }: Options<F>) {
  const [values, setValues] = useState(() => Object.fromEntries(fields.map((field) => [field, ''])) as Values<F>)
  const [tried, setTried] = useState(false)
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState<string | null>(null)
  const wrong = check(values)

  return {
    busy,
    problem,
    field: (name: F) => ({
      name,
      required: true,
      withAsterisk: false,
      value: values[name],
      error: tried ? wrong[name] : undefined,
      onChange: ({ currentTarget }: ChangeEvent<HTMLInputElement>) => {
        setValues((before) => ({ ...before, [name]: currentTarget.value }))
      },
    }),
    submit: (event: SubmitEvent<HTMLFormElement>) => {
      event.preventDefault()
      setTried(true)
      const first = fields.find((field) => wrong[field])
      if (first) {
        event.currentTarget.querySelector<HTMLInputElement>(`[name="${first}"]`)?.focus()
        return
      }
      setBusy(true)
      setProblem(null)
      send(values)
        .catch((failure: unknown) => {
          setProblem(failure instanceof Error ? failure.message : String(failure))
        })
        .finally(() => {
          setBusy(false)
        })
    },
  }
}
