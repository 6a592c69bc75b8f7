/** The flag that chooses the network, and which flags have an effect with what networks. */
import { expectNetworkName, networkNames } from '../nets/networkNames.ts';
import { absoluteNetworkName, isNetworkFile } from '../nets/ownNetwork.ts';
import type { FlagEffect } from './flagEffects.ts';
import { text } from './flags.ts';

/** Flags that choose the network, shared by the commands that run one. */
export const modelFlags = {
  model_name: {
    ...text('lenet', `network: ${networkNames.join(', ')}, or a module such as ./my-net.js`),
    choices: networkNames,
    parse: (name: string) =>
      isNetworkFile(name) ? absoluteNetworkName(name) : expectNetworkName(name),
  },
};

/** Flags of networks that take items of one kind. */
export function ofNetworks<F extends { readonly model_name: string }>(
  kind: 'images' | 'texts',
  flags: (keyof F & string)[],
): FlagEffect<F> {
  return {
    flags,
    missing: async ({ model_name }, isGiven) => {
      // The module of a run that somebody else made is not to be run for this.
      if (isNetworkFile(model_name) && !isGiven('model_name')) return undefined;
      const { loadNetwork } = await import('../nets/factory.ts');
      const { takes = 'images' } = await loadNetwork(model_name);
      return takes === kind ? undefined : `with --model_name=${model_name}, which takes ${takes}`;
    },
  };
}
