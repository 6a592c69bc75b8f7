/** Machines that are played: network namespaces of this one, each with an address of its own on one bridge. */
import { execFileSync } from 'node:child_process';

const hub = `losslens-hub-${process.pid}`;

function ip(...args: readonly string[]): string {
  return execFileSync('ip', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

/** Bytes that went over an interface, frames' headers with them. */
export interface Traffic {
  readonly received: number;
  readonly sent: number;
}

/** Some of them. The bridge lies in a namespace, too: nothing of this machine's own network is changed. */
export class Namespaces {
  readonly #names: readonly string[];

  private constructor(names: readonly string[]) {
    this.#names = names;
  }

  /**
   * Makes them.
   *
   * @param names   of the machines
   * @throws Error  where this process may not, or iproute2 is missing
   */
  static open(names: readonly string[]): Namespaces {
    const opened = new Namespaces(names);
    try {
      ip('netns', 'add', hub);
      ip('-n', hub, 'link', 'add', 'bridge', 'type', 'bridge');
      ip('-n', hub, 'link', 'set', 'bridge', 'up');
      names.forEach((name, i) => {
        const own = opened.#own(name);
        ip('netns', 'add', own);
        ip(
          '-n',
          hub,
          'link',
          'add',
          `to-${i}`,
          'type',
          'veth',
          'peer',
          'name',
          'eth0',
          'netns',
          own,
        );
        ip('-n', hub, 'link', 'set', `to-${i}`, 'master', 'bridge', 'up');
        ip('-n', own, 'addr', 'add', `${opened.addressOf(name)}/24`, 'dev', 'eth0');
        ip('-n', own, 'link', 'set', 'eth0', 'up');
        ip('-n', own, 'link', 'set', 'lo', 'up');
      });
      return opened;
    } catch (error) {
      opened.close();
      throw error;
    }
  }

  /** The address of a machine. */
  addressOf(name: string): string {
    return `10.77.0.${1 + this.#names.indexOf(name)}`;
  }

  /** A command as it is run on a machine. */
  commandOn(name: string, command: readonly string[]): [file: string, ...args: string[]] {
    return ['ip', 'netns', 'exec', this.#own(name), ...command];
  }

  /** What went over a machine's interface so far. */
  trafficOf(name: string): Traffic {
    const [file, ...args] = this.commandOn(name, ['cat', '/proc/net/dev']);
    const text = execFileSync(file, args, { encoding: 'utf8' });
    const numbers = /eth0:\s*(.*)/.exec(text)![1]!.split(/\s+/).map(Number);
    return { received: numbers[0]!, sent: numbers[8]! };
  }

  /** Takes the cable of a machine out, or puts it in again. */
  setConnected(name: string, isConnected: boolean): void {
    const cable = `to-${this.#names.indexOf(name)}`;
    ip('-n', hub, 'link', 'set', cable, isConnected ? 'up' : 'down');
  }

  /** Takes them away. */
  close(): void {
    for (const name of [...this.#names.map((each) => this.#own(each)), hub]) {
      try {
        ip('netns', 'del', name);
      } catch {
        // It was not made.
      }
    }
  }

  #own(name: string): string {
    return `losslens-${name}-${process.pid}`;
  }
}
