import { Module } from '@nestjs/common';
import { TerminusModule } from '@nestjs/terminus';
import { HealthController } from './health.controller.js';
import { ProbesController } from './probes.controller.js';

/** The health of this backend: for people, for a load balancer, and for an orchestrator that restarts it. */
@Module({ imports: [TerminusModule], controllers: [HealthController, ProbesController] })
export class HealthModule {}
