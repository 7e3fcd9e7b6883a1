const FINAL_TEXT = 0x81;
const SHORT = 125;
const MEDIUM = 0xff_ff;

/**
 * A text as a WebSocket server sends it: one unmasked, unfragmented, uncompressed message, header and payload in one
 * buffer. RFC 6455 section 5.2.
 */
export function textMessage(text: string): Buffer {
  const length = Buffer.byteLength(text);
  const header = length <= SHORT ? 2 : length <= MEDIUM ? 4 : 10;
  const message = Buffer.allocUnsafe(header + length);
  message[0] = FINAL_TEXT;
  if (header === 2) message[1] = length;
  else if (header === 4) {
    message[1] = SHORT + 1;
    message.writeUInt16BE(length, 2);
  } else {
    message[1] = SHORT + 2;
    message.writeUInt32BE(0, 2);
    message.writeUInt32BE(length, 6);
  }
  message.write(text, header);
  return message;
}
