import { Module } from '@nestjs/common';
import { PageController } from './page.controller.js';

/** The live page of the reference backend: a member signs in, and sees the other members and every event. */
@Module({ controllers: [PageController] })
export class PageModule {}
