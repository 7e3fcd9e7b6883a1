// The events about members. This declaration types every relay and, through `nestjs-switchboard/browser`, every handler in
// the browser.
declare module 'nestjs-switchboard' {
  interface SocketEvents {
    MEMBER_DEACTIVATED: { memberId: string; occurredAt: string };
    MEMBER_MESSAGED: { from: string; text: string };
    ANNOUNCED: { message: string };
  }
}

export {};
