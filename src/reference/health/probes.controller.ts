import { Controller, Get } from '@nestjs/common';
import { HealthCheck, type HealthCheckResult, HealthCheckService } from '@nestjs/terminus';
import { SocketHealthIndicator } from 'nestjs-switchboard';

/** The probes of an orchestrator or a load balancer, which read only the HTTP status. */
@Controller('health')
export class ProbesController {
  readonly #health: HealthCheckService;
  readonly #socket: SocketHealthIndicator;

  constructor(health: HealthCheckService, socket: SocketHealthIndicator) {
    this.#health = health;
    this.#socket = socket;
  }

  /** Whether this process should get new connections. */
  @Get('ready')
  @HealthCheck()
  ready(): Promise<HealthCheckResult> {
    return this.#health.check([() => this.#socket.isReady()]);
  }

  /** Whether this process should keep running. */
  @Get('live')
  @HealthCheck()
  live(): Promise<HealthCheckResult> {
    return this.#health.check([() => this.#socket.isAlive()]);
  }
}
