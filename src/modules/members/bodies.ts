import { z } from 'zod';

const text = (maximum: number) =>
  z.string().trim().min(1, 'must not be empty').max(maximum, `must have at most ${maximum} characters`);

/** `POST /session` */
export const sessionBody = z.object({ memberId: text(128) });
/** `POST /members`. The id becomes part of a channel's name, hence its characters. */
export const newMemberBody = z.object({
  id: text(128)
    .regex(/^(?!\.{1,2}$)[A-Za-z0-9_\-=@,.;]+$/, 'may have letters, digits and _ - = @ , . ; only')
    .optional(),
  name: text(100),
});
/** `POST /members/:id/messages` */
export const messageBody = z.object({ text: text(2_000) });
/** `POST /broadcast` */
export const broadcastBody = z.object({ message: text(2_000) });
