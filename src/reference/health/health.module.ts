import { Module } from '@nestjs/common';
import { TerminusModule } from '@nestjs/terminus';
import { HealthController } from './health.controller.js';
import { ProbesController } from './probes.controller.js';

/** Whether this backend is well: for people, for a load balancer, and for whoever restarts it. */
@Module({ imports: [TerminusModule], controllers: [HealthController, ProbesController] })
export class HealthModule {}
