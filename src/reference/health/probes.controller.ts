import { Controller, Get } from '@nestjs/common';
import { HealthCheck, type HealthCheckResult, HealthCheckService } from '@nestjs/terminus';
import { SocketHealthIndicator } from 'nestjs-switchboard';

/** What machines ask: they look at the status only. */
@Controller('health')
export class ProbesController {
  readonly #health: HealthCheckService;
  readonly #socket: SocketHealthIndicator;

  constructor(health: HealthCheckService, socket: SocketHealthIndicator) {
    this.#health = health;
    this.#socket = socket;
  }

  /** Whether to lead clients here. */
  @Get('ready')
  @HealthCheck()
  ready(): Promise<HealthCheckResult> {
    return this.#health.check([() => this.#socket.isReady()]);
  }

  /** Whether to leave it running. */
  @Get('live')
  @HealthCheck()
  live(): Promise<HealthCheckResult> {
    return this.#health.check([() => this.#socket.isAlive()]);
  }
}
