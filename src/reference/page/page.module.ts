import { Module } from '@nestjs/common';
import { PageController } from './page.controller.js';

/** The live page of the reference backend: sign in, see who is here, watch events arrive. */
@Module({ controllers: [PageController] })
export class PageModule {}
