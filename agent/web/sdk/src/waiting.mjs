// Waiting that can be ended: by a time limit, by a caller's AbortSignal, by a bell.

// One signal out of a caller's and a timeout (AbortSignal.any is not everywhere yet); 0: no timeout
export function linkedSignal(signal, timeoutMs) {
    const control = new AbortController();
    let timedOut = false;
    const stop = () => control.abort(signal?.reason);
    if (signal?.aborted) stop();
    signal?.addEventListener('abort', stop, { once: true });
    const late = () => {
        timedOut = true;
        control.abort();
    };
    const timer = timeoutMs > 0 ? setTimeout(late, timeoutMs) : undefined;
    return {
        signal: control.signal,
        timedOut: () => timedOut,
        done: () => {
            clearTimeout(timer);
            signal?.removeEventListener('abort', stop);
        },
    };
}

// A pause that ends after `ms`, when rung, or when the signal is aborted
export function alarm() {
    let ring = () => {};
    return {
        ring: () => ring(),
        wait: (ms, signal) =>
            new Promise((resolve) => {
                const timer = setTimeout(finish, ms);
                function finish() {
                    clearTimeout(timer);
                    signal?.removeEventListener('abort', finish);
                    resolve();
                }
                ring = finish;
                if (signal?.aborted) finish();
                signal?.addEventListener('abort', finish, { once: true });
            }),
    };
}

// What the promise gives, or the signal's reason as soon as it is aborted
export function endingWith(signal, promise) {
    if (!signal) return promise;
    return new Promise((resolve, reject) => {
        const stop = () => reject(signal.reason);
        if (signal.aborted) stop();
        signal.addEventListener('abort', stop, { once: true });
        promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
    });
}

// One action that several callers wait for, each with a signal of its own; it is aborted when the last of them has gone.
// start(signal) begins it, over() is called when nobody may join it any more, aborted(signal) makes the error of one who goes.
export function shared(start, over, aborted) {
    const control = new AbortController();
    let isOver = false;
    const end = () => {
        if (!isOver) over();
        isOver = true;
    };
    const result = start(control.signal).finally(end);
    result.catch(() => {}); // those who wait are told
    let waiting = 0;
    return (signal) =>
        new Promise((resolve, reject) => {
            waiting += 1;
            const leave = () => {
                waiting -= 1;
                if (waiting === 0) {
                    end();
                    control.abort(signal.reason);
                }
                reject(aborted(signal));
            };
            if (signal?.aborted) {
                leave();
                return;
            }
            signal?.addEventListener('abort', leave, { once: true });
            result.then(resolve, reject).finally(() => signal?.removeEventListener('abort', leave));
        });
}
