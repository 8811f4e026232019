import tseslint from 'typescript-eslint';

import local from './scripts/eslint-rules.mjs';

export default tseslint.config(
  { ignores: ['dist/', 'target/', 'coverage/', 'index.js', 'index.d.ts', '**/node_modules/'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  { plugins: { local }, rules: { 'local/reasons': 'error', eqeqeq: 'error', 'no-console': 'off' } },
  {
    files: ['ts/**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { project: './tsconfig.json', tsconfigRootDir: import.meta.dirname } },
    rules: {
      'local/floors': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/consistent-type-imports': ['error', { disallowTypeAnnotations: false }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      // A short arrow that hands a void call on reads better than one in braces.
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      // Settling on purpose what nobody waits for is written `void promise`.
      '@typescript-eslint/no-meaningless-void-operator': 'off',
      // An adapter's method is asynchronous by its interface, also where it has nothing to wait for.
      '@typescript-eslint/require-await': 'off',
      // What JavaScript callers hand in is checked although its type says it needs no check.
      '@typescript-eslint/no-unnecessary-condition': 'off',
      '@typescript-eslint/no-unnecessary-type-conversion': 'off',
      // `run<void>` is an operation that answers with nothing; an event log of the user's may answer so as well.
      '@typescript-eslint/no-invalid-void-type': 'off',
      // No function of ours asks for a `this` unless it is a method that is called as one.
      '@typescript-eslint/unbound-method': 'off',
      // What was caught is handed on as it is.
      '@typescript-eslint/prefer-promise-reject-errors': ['error', { allowThrowingUnknown: true }],
      // An unknown value is turned to text where its kind was found out by other means than its type.
      '@typescript-eslint/no-base-to-string': 'off',
      // A class and an interface that only narrows the types of the methods it inherits.
      '@typescript-eslint/no-unsafe-declaration-merging': 'off',
      // The key is data here: sessions and events are maps that users fill.
      '@typescript-eslint/no-dynamic-delete': 'off',
    },
  },
  {
    files: ['__test__/**/*.ts'],
    extends: [tseslint.configs.recommended],
    languageOptions: { parserOptions: { project: './__test__/tsconfig.json', tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      // Tests hand in what types forbid, and look at what has no type.
      '@typescript-eslint/no-explicit-any': 'off',
      '@typescript-eslint/no-require-imports': 'off',
      // What is left out on purpose has a name that says so.
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
    },
  },
  // Compiled strictly where they are used: in a project that has installed the package.
  { files: ['examples/**/*.ts'], extends: [tseslint.configs.strict] },
  {
    // A project of its own: these see the package as its users do.
    files: ['__test__/types/**'],
    languageOptions: {
      parserOptions: { project: './__test__/types/tsconfig.json', tsconfigRootDir: import.meta.dirname },
    },
    rules: { '@typescript-eslint/no-unused-vars': 'off', '@typescript-eslint/no-floating-promises': 'off' },
  },
);
