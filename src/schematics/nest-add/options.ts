/** The options of `nest add nestjs-switchboard`; `schema.json` has checked them. */
export interface NestAddOptions {
  readonly provider: 'ws' | 'pusher';
  /** The folder of the application's sources, like `src` or `apps/shop/src`. */
  readonly sourceRoot: string;
  readonly skipInstall: boolean;
}
