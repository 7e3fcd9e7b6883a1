import simpleImportSort from 'eslint-plugin-simple-import-sort';
import tseslint from 'typescript-eslint';
import { plainComments } from './scripts/lint/plain-comments.mjs';

/** Names of times that have to say their unit: `timeoutMs`, `graceS`. */
const TIME = '/(?:timeout|delay|interval|duration|grace|ttl)$/i';
const UNIT = 'A time says its unit in its name: Ms or S.';

export default tseslint.config(
  { ignores: ['dist', 'coverage', 'node_modules', '**/*.cjs', 'src/reference/page/public'] },
  ...tseslint.configs.strictTypeChecked,
  {
    languageOptions: {
      parserOptions: {
        projectService: { allowDefaultProject: ['*.mjs'] },
        tsconfigRootDir: import.meta.dirname,
      },
    },
    plugins: {
      'simple-import-sort': simpleImportSort,
      switchboard: { rules: { 'plain-comments': plainComments } },
    },
    rules: {
      '@typescript-eslint/consistent-type-imports': ['error', { disallowTypeAnnotations: false }],
      // Nest modules are classes without members.
      '@typescript-eslint/no-extraneous-class': ['error', { allowWithDecorator: true }],
      // An async method without `await` is useful: it rejects instead of throwing.
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/no-unused-vars': ['error', { varsIgnorePattern: '^_', argsIgnorePattern: '^_' }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      'no-console': 'error',
      eqeqeq: ['error', 'always'],
      // Packages first, then the files of this project; one group, in the order of the alphabet.
      'simple-import-sort/imports': ['error', { groups: [['^\\u0000', '^node:', '^@?\\w', '^\\.']] }],
      'simple-import-sort/exports': 'error',
    },
  },
  {
    files: ['src/**'],
    rules: {
      'switchboard/plain-comments': 'error',
      'no-restricted-syntax': [
        'error',
        {
          selector:
            ':matches(PropertyDefinition, TSParameterProperty, MethodDefinition[kind!="constructor"])[accessibility="private"]',
          message: 'A private member is #private.',
        },
        { selector: `VariableDeclarator[init.type="Literal"] > Identifier.id[name=${TIME}]`, message: UNIT },
        {
          selector: `:matches(TSPropertySignature, PropertyDefinition)[typeAnnotation.typeAnnotation.type="TSNumberKeyword"] > Identifier.key[name=${TIME}]`,
          message: UNIT,
        },
        {
          selector: `:function > Identifier.params[typeAnnotation.typeAnnotation.type="TSNumberKeyword"][name=${TIME}]`,
          message: UNIT,
        },
      ],
    },
  },
  {
    // Time is the `Clock` port, so that a test can move it by hand. The browser and the sample have no such port.
    files: ['src/**'],
    ignores: ['src/ports/clock.ts', 'src/browser/**', 'src/reference/**'],
    rules: {
      'no-restricted-globals': [
        'error',
        { name: 'setTimeout', message: 'Use Clock.after.' },
        { name: 'setInterval', message: 'Use Clock.after.' },
        { name: 'performance', message: 'Use Clock.now.' },
      ],
      'no-restricted-properties': ['error', { object: 'Date', property: 'now', message: 'Use Clock.time.' }],
    },
  },
  {
    files: ['test/**'],
    rules: {
      // Nest types its options as a class.
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
      'no-restricted-globals': ['error', { name: 'it', message: 'A test is a `test`.' }],
    },
  },
  {
    files: ['**/*.{js,mjs}'],
    extends: [tseslint.configs.disableTypeChecked],
  },
);
