import { Controller, Get, Header } from '@nestjs/common';
import { Registry } from 'prom-client';

/** The metrics for Prometheus. Do not make this path public, and neither `/health`. */
@Controller('metrics')
export class MetricsController {
  readonly #registry: Registry;

  constructor(registry: Registry) {
    this.#registry = registry;
  }

  @Get()
  @Header('Content-Type', Registry.PROMETHEUS_CONTENT_TYPE)
  metrics(): Promise<string> {
    return this.#registry.metrics();
  }
}
