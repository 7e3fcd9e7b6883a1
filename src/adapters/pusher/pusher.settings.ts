/** Pusher's first cluster. Browsers need a cluster's name even where their own host makes it meaningless. */
export const DEFAULT_CLUSTER = 'mt1';
