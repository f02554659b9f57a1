import { Button, PasswordInput, TextInput } from '@mantine/core'
import { useNavigate } from '@tanstack/react-router'
import { Notice } from '../components/Notice'
import { Plain } from '../components/Plain'
import { useForm } from '../hooks/useForm'
import { useTitle } from '../hooks/useTitle'
import { authAPI } from '../services/api'

const SHORTEST_PASSWORD = 12

function passwordProblem(password: string): string | undefined {
  const short = SHORTEST_PASSWORD - password.length
  if (short <= 0) return undefined
  return password ? `${short} more ${short === 1 ? 'character is' : 'characters are'} needed.` : 'Choose a password.'
}

/** The first run: whoever can read the terminal becomes the admin. */
export function Setup() {
  const navigate = useNavigate()
  useTitle('Set up – Botdeck')

  const form = useForm({
    fields: ['code', 'name', 'password'],
    check: ({ code, name, password }) => ({
      code: code.trim() ? undefined : 'Copy the code from the terminal.',
      name: name.trim() ? undefined : 'Choose a name to sign in with.',
      password: passwordProblem(password),
    }),
    send: async ({ code, name, password }) => {
      await authAPI.setup(code.trim(), name.trim(), password)
      await navigate({ to: '/' })
    },
  })

  return (
    <Plain title="Set up Botdeck" lead="Make the first account. It is an admin and may do everything.">
      <form onSubmit={form.submit} noValidate>
        {form.problem && <Notice>{form.problem}</Notice>}
        <TextInput
          {...form.field('code')}
          label="Setup code"
          description="It is printed in the terminal where botdeck up runs."
          autoComplete="one-time-code"
          autoCapitalize="none"
          spellCheck={false}
          autoFocus
        />
        <TextInput {...form.field('name')} label="Name" autoComplete="username" autoCapitalize="none" />
        <PasswordInput
          {...form.field('password')}
          label="Password"
          description={`At least ${SHORTEST_PASSWORD} characters. A few random words are good.`}
          autoComplete="new-password"
        />
        <Button type="submit" size="md" disabled={form.busy}>
          {form.busy ? 'Setting up…' : 'Create account'}
        </Button>
      </form>
    </Plain>
  )
}
