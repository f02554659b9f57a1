import js from '@eslint/js'
import jsxA11y from 'eslint-plugin-jsx-a11y'
import reactHooks from 'eslint-plugin-react-hooks'
import tseslint from 'typescript-eslint'

// Imports go down this list. `types` and `lib` (plain functions) are open to all and know nobody but themselves.
const layers = ['pages', 'components', 'hooks', 'stores', 'services']

const onlyDown = layers.map((layer, index) => ({
  files: [`src/${layer}/**`],
  rules: {
    'no-restricted-imports': [
      'error',
      {
        patterns: [
          ...(index > 0
            ? [{ group: layers.slice(0, index).map((upper) => `**/${upper}/**`), message: `${layer} may not import what is above it.` }]
            : []),
          ...(layer === 'services' || layer === 'stores'
            ? [{ group: ['react', 'react-dom', '@mantine/*', '@tanstack/react-*'], message: `${layer} know no React.` }]
            : []),
        ],
      },
    ],
  },
}))

export default tseslint.config(
  { ignores: ['node_modules', 'coverage', 'src/types/*.gen.ts'] },
  js.configs.recommended,
  {
    files: ['**/*.{ts,tsx}'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      // Router and form handlers are async; what they throw is shown by the page.
      '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: { attributes: false } }],
      '@typescript-eslint/only-throw-error': ['error', { allow: [{ from: 'package', package: '@tanstack/router-core', name: 'Redirect' }] }],
    },
  },
  reactHooks.configs.flat['recommended-latest'],
  jsxA11y.flatConfigs.strict,
  {
    rules: {
      // The forms are all there is on their pages; their first field is where to begin.
      'jsx-a11y/no-autofocus': ['error', { ignoreNonDOM: true }],
      // A scrolling region must be reachable by keyboard.
      'jsx-a11y/no-noninteractive-tabindex': ['error', { roles: ['log', 'tabpanel'], tags: [] }],
    },
  },
  ...onlyDown,
  {
    files: ['src/lib/**', 'src/types/**'],
    rules: {
      'no-restricted-imports': [
        'error',
        { patterns: [{ group: [...layers.map((layer) => `**/${layer}/**`), 'react', '@mantine/*'], message: 'lib and types are plain.' }] },
      ],
    },
  },
  { files: ['**/*.{js,mjs}'], languageOptions: { globals: { process: 'readonly', console: 'readonly', URL: 'readonly' } } },
)
