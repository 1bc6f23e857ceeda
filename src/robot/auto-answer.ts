/** Whether an INVITE asks the phone to answer by itself, in any of the forms that desk phones know (R-START-3). Pure. */
export function asksToAnswer(header: (name: string) => string | undefined): boolean {
  const callInfo = header('Call-Info') ?? '';
  const alertInfo = header('Alert-Info') ?? '';
  const mode = (header('Answer-Mode') ?? '').trim();
  return (
    /;\s*answer-after\s*=\s*0\b/i.test(callInfo) ||
    /alert-autoanswer|auto[ -]?answer|ring[ -]answer/i.test(alertInfo) ||
    /^auto\b/i.test(mode)
  );
}
