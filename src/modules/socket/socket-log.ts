import { Logger } from '@nestjs/common';
import { type LogFields, oneLineLogger, type SocketLogger } from '../../ports/logger.js';

/**
 * Makes a logger that writes to Nest's, with each message and each field on one line. The fields are `params` where Nest
 * writes JSON. @param context the name in front of each line @default 'SocketModule'
 */
export function socketLog(context = 'SocketModule'): SocketLogger {
  const logger = new Logger(context);
  return oneLineLogger({
    log: (message, ...fields) => {
      logger.log(message, ...fields);
    },
    warn: (message, ...fields) => {
      logger.warn(message, ...fields);
    },
    error: (message, ...fields) => {
      logger.error(message, ...fields);
    },
    debug: (message: string, ...fields: [LogFields?]) => {
      logger.debug(message, ...fields);
    },
    get isDebugEnabled() {
      return Logger.isLevelEnabled('debug');
    },
  });
}
