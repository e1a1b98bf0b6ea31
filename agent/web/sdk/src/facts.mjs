// What the SDK and the agent have agreed on (docs/api/agent.yaml).

export const VERSION = '0.1.0';
export const API = 'v1';
export const DEFAULT_PORTS = [24317, 24318, 24319, 24320];
