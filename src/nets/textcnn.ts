/** A convolutional network for texts (Kim 2014, CNN-rand): what short sequences of words say. */
import type { Tensor } from '../graph/graph.ts';
import { cast, concat, reshape } from '../graph/ops/array.ts';
import { greater, max, mul } from '../graph/ops/math.ts';
import { dropout } from './dropout.ts';
import { uniform, xavierUniform } from './initializers.ts';
import { conv1d, embedding, fullyConnected, softmax } from './layers.ts';
import type { Network, TextNetwork } from './network.ts';

/** Elements of a token's vector. */
const embeddingSize = 64;
/** Tokens that the kernels of each convolution span, and their number (Kim 2014, section 3.1). */
const widths = [3, 4, 5] as const;
const filters = 100;

const build: Network = (tokens, context) => {
  const { graph } = tokens;
  return graph.withScope('TextCNN', () => {
    // Padding has no vector and is left out of the maximum, so that its length changes nothing.
    const isToken = reshape(cast(greater(tokens, 0), 'float32'), [-1, tokens.shape[1]!, 1]);
    const vectors = embedding(context, tokens, isToken, 'embedding', embeddingSize, uniform(0.25));
    const endPoints = new Map<string, Tensor>([['embedding', vectors]]);
    for (const width of widths) {
      const name = `conv${width}`;
      const convolved = conv1d(context, vectors, name, filters, width, { weights: xavierUniform });
      endPoints.set(name, mul(convolved, isToken));
    }
    const pooled = widths.map((width) =>
      graph.withScope(`pool${width}`, () => max(endPoints.get(`conv${width}`)!, [1])),
    );
    const joined = concat(pooled, 1, { name: 'pooled' });
    endPoints.set('pooled', joined);
    const dropped = dropout(context, joined, 'dropout', 0.5);
    endPoints.set('dropout', dropped);
    const logits = fullyConnected(context, dropped, 'logits', context.numClasses, {
      activation: 'linear',
      regularized: true,
    });
    endPoints.set('Logits', logits);
    endPoints.set('Predictions', softmax(logits, 'Predictions'));
    return { logits, endPoints };
  });
};

/** textcnn: 77,100 parameters before the embeddings and the last layer. */
export const textcnn: TextNetwork = {
  build,
  takes: 'texts',
  defaultSequenceLength: 64,
  preprocessingName: 'text',
};
