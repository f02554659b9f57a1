import { Button, PasswordInput, TextInput } from '@mantine/core'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { Notice } from '../components/Notice'
import { Plain } from '../components/Plain'
import { useForm } from '../hooks/useForm'
import { useTitle } from '../hooks/useTitle'
import { authAPI } from '../services/api'

export function SignIn() {
  const { to, over } = useSearch({ from: '/sign-in' })
  const navigate = useNavigate()
  useTitle('Sign in – Botdeck')

  const form = useForm({
    fields: ['name', 'password'],
    check: ({ name, password }) => ({
      name: name.trim() ? undefined : 'Say who you are.',
      password: password ? undefined : 'The password is missing.',
    }),
    send: async ({ name, password }) => {
      await authAPI.login(name.trim(), password)
      await navigate({ to: to ?? '/' })
    },
  })

  return (
    <Plain
      title="Sign in"
      lead={over ? 'Your session is over. Sign in again to go on where you were.' : 'Watch and steer your bots.'}
    >
      <form onSubmit={form.submit} noValidate>
        {form.problem && <Notice>{form.problem}</Notice>}
        <TextInput {...form.field('name')} label="Name" autoComplete="username" autoCapitalize="none" autoFocus />
        <PasswordInput {...form.field('password')} label="Password" autoComplete="current-password" />
        <Button type="submit" size="md" disabled={form.busy}>
          {form.busy ? 'Signing in…' : 'Sign in'}
        </Button>
      </form>
    </Plain>
  )
}
