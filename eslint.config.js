import tseslint from 'typescript-eslint';

const TYPED = ['**/*.ts'];

export default tseslint.config(
  { ignores: ['node_modules/', 'data/', '.cache/'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  ...tseslint.configs.strictTypeChecked.map((part) => ({ ...part, files: TYPED })),
  {
    files: TYPED,
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      // The rules that the code leans on, named so that nobody loosens them by accident.
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      'max-lines': ['error', { max: 420 }],
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      '@typescript-eslint/no-misused-spread': ['error', { allow: ['string'] }], // Code points are meant.
      // Tuned: readable without being stricter than it helps.
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/no-confusing-void-expression': [
        'error',
        { ignoreArrowShorthand: true, ignoreVoidReturningFunctions: true },
      ],
      '@typescript-eslint/no-non-null-assertion': 'off', // noUncheckedIndexedAccess asks for it where the index is known.
      '@typescript-eslint/no-unnecessary-condition': 'off', // State may change across an await, which it cannot see.
    },
  },
  { files: ['**/*.{js,mjs}'], rules: { 'max-lines': ['error', { max: 420 }], eqeqeq: ['error', 'always'] } },
);
