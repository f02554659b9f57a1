import { ActionIcon, Button, createTheme, Menu, PasswordInput, TextInput, Tooltip } from '@mantine/core'
import fields from './styles/fields.module.css'

const fieldClasses = { label: fields.label, description: fields.description, error: fields.error }

/** Mantine's behaviour; its looks are in styles/tokens.css, which no inline style has to carry. */
export const theme = createTheme({
  primaryColor: 'blue',
  respectReducedMotion: true,
  cursorType: 'pointer',
  components: {
    Button: Button.extend({ defaultProps: { size: 'sm' } }),
    ActionIcon: ActionIcon.extend({ defaultProps: { variant: 'default', size: 34 } }),
    Menu: Menu.extend({
      defaultProps: {
        shadow: 'md',
        position: 'bottom-end',
        transitionProps: { duration: 0 },
        // In the page's own landmarks, and without an element that takes the focus but is no item.
        withinPortal: false,
        withInitialFocusPlaceholder: false,
      },
    }),
    PasswordInput: PasswordInput.extend({ defaultProps: { size: 'md' }, classNames: fieldClasses }),
    TextInput: TextInput.extend({ defaultProps: { size: 'md' }, classNames: fieldClasses }),
    Tooltip: Tooltip.extend({
      defaultProps: {
        multiline: true,
        maw: 300,
        openDelay: 150,
        transitionProps: { duration: 0 },
        events: { hover: true, focus: true, touch: true },
      },
    }),
  },
})
