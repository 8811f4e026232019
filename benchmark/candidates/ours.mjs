/** The package as it is built, reached by its path: it is not among the packages that are installed here. */
export * from '../../dist/index.mjs';
