import { Button, Menu } from '@mantine/core'
import { IconSelector } from '@tabler/icons-react'
import { useNavigate } from '@tanstack/react-router'
import { useDeck } from '../hooks/useDeck'
import { lookOf, word } from '../lib/states'
import classes from './BotSwitch.module.css'
import { StateIcon } from './StateIcon'

/** On a phone, the way to the other bots; the rail does it where there is room. */
export function BotSwitch({ shown, stale }: { shown: string; stale: boolean }) {
  const navigate = useNavigate()
  const order = useDeck((state) => state.order)
  const bots = useDeck((state) => state.bots)
  if (!order || order.length < 2) return null
  return (
    <div className={classes.switch}>
      <Menu position="bottom-start">
        <Menu.Target>
          <Button variant="default" fullWidth justify="space-between" rightSection={<IconSelector size={16} aria-hidden />}>
            All {order.length} bots
          </Button>
        </Menu.Target>
        <Menu.Dropdown>
          {order.map((name) => {
            const status = bots[name]?.status
            return (
              status && (
                <Menu.Item
                  key={name}
                  leftSection={<StateIcon look={lookOf(status)} stale={stale} />}
                  rightSection={<span className={classes.word}>{word(status)}</span>}
                  aria-current={name === shown ? 'page' : undefined}
                  onClick={() => void navigate({ to: '/bots/$name', params: { name } })}
                >
                  {name}
                </Menu.Item>
              )
            )
          })}
        </Menu.Dropdown>
      </Menu>
    </div>
  )
}
