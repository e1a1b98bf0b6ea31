// Listeners by type of event.

export class Emitter {
    #listeners = new Map();

    on(type, listener) {
        if (!this.#listeners.has(type)) this.#listeners.set(type, new Set());
        this.#listeners.get(type).add(listener);
        return () => this.off(type, listener);
    }

    off(type, listener) {
        this.#listeners.get(type)?.delete(listener);
    }

    has(type) {
        return (this.#listeners.get(type)?.size ?? 0) > 0;
    }

    emit(type, value) {
        for (const listener of [...(this.#listeners.get(type) ?? [])]) listener(value);
    }
}
