import { Button, Menu } from '@mantine/core'
import { IconChevronDown, IconLogout } from '@tabler/icons-react'
import { useOperator } from '../hooks/useOperator'
import { useSignOut } from '../hooks/useSignOut'
import classes from './OperatorMenu.module.css'

export function OperatorMenu() {
  const operator = useOperator()
  const { signOut, problem } = useSignOut()
  return (
    <Menu>
      <Menu.Target>
        <Button
          variant="default"
          className={classes.button}
          aria-label={`Signed in as ${operator.name}`}
          rightSection={<IconChevronDown size={14} aria-hidden />}
        >
          <span className={classes.name}>{operator.name}</span>
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>
          {operator.name}, {operator.role}
        </Menu.Label>
        <Menu.Item closeMenuOnClick={false} leftSection={<IconLogout size={16} stroke={1.8} aria-hidden />} onClick={signOut}>
          Sign out
        </Menu.Item>
        {problem && (
          <p role="alert" className={classes.problem}>
            You are still signed in. {problem.message}
          </p>
        )}
      </Menu.Dropdown>
    </Menu>
  )
}
