/** Numbers that the mixer's parts share. One frame is one step of the mixer: 20 ms at 8000 Hz. */
export const FRAME = 160;
export const FRAME_MS = 20;
export const SAMPLES_PER_MS = 8;
