import * as v from 'valibot';

const text = (maximum: number) =>
  v.pipe(
    v.string(),
    v.trim(),
    v.minLength(1, 'must not be empty'),
    v.maxLength(maximum, `must have at most ${maximum} characters`),
  );

/** `POST /session` */
export const sessionBody = v.object({ memberId: text(128) });
/** `POST /members`. The id becomes part of a channel's name, so it has only characters that are allowed there. */
export const newMemberBody = v.object({
  id: v.optional(
    v.pipe(
      text(128),
      v.regex(/^(?!\.{1,2}$)[A-Za-z0-9_\-=@,.;]+$/, 'may have letters, digits and _ - = @ , . ; only'),
    ),
  ),
  name: text(100),
});
/** `POST /members/:id/messages` */
export const messageBody = v.object({ text: text(2_000) });
/** `POST /broadcast` */
export const broadcastBody = v.object({ message: text(2_000) });
