/** What a network is: a function from items, images or texts, to logits and named end points. */
import type { Tensor, Variable } from '../graph/graph.ts';

/** What a variable becomes in each training step. */
export interface MovedVariable {
  readonly variable: Variable;
  readonly value: Tensor;
}

/** How a network is built this time. */
export interface NetworkContext {
  readonly numClasses: number;
  /** Texts come as token ids below it; undefined for images. */
  readonly vocabularySize?: number | undefined;
  /** Dropout drops and batch normalisation uses the batch's statistics only while training. */
  readonly isTraining: boolean;
  /** Lets dropout pass everything while training; false by default. */
  readonly withoutDropout?: boolean;
  /** Has batch normalisation use the moving statistics, and leave them, while training, too; false by default. */
  readonly freezeBatchNorm?: boolean;
  /** Keeps all branches while training, as where nobody trains them; false by default. */
  readonly withoutDroppedBranches?: boolean;
  /** Coefficient of the L2 penalty, for the weights that the network regularises. */
  readonly weightDecay: number;
  /** int32 [2], fed anew for each training step; what dropout draws from. */
  readonly dropoutSeed: Tensor;
  /**
   * Element type of convolutions, but not depthwise ones, and of matrix products, and of what flows from one to the next; weights,
   * statistics, logits and loss are float32.
   */
  readonly computeType: 'float32' | 'bfloat16';
  /** Moving statistics, for whoever trains the network to assign. Layers add to it. */
  readonly updates: MovedVariable[];
}

/** What a network returns. */
export interface NetworkOutputs {
  /** float32 [n, classes], before the softmax */
  readonly logits: Tensor;
  /** Named hidden layers in network order, named as TF-Slim names them, float32 or of the compute type. */
  readonly endPoints: ReadonlyMap<string, Tensor>;
  /** A second classifier, of a layer on the way, whose loss training adds. */
  readonly auxiliary?: {
    /** [n, classes] */
    readonly logits: Tensor;
    /** What its cross-entropy is multiplied by. */
    readonly weight: number;
  };
}

/**
 * A network: builds its nodes and variables in the graph of its input. Built a second time in the
 * same graph it shares its variables.
 *
 * @param input  images float32 [n, height, width, channels], or token ids int32 [n, time]
 */
export type Network = (input: Tensor, context: NetworkContext) => NetworkOutputs;

/** What every network says of itself. */
interface AnyNetwork {
  /** As --model_name has it, for messages; whoever loads a network by its name says it. */
  readonly modelName?: string;
  readonly build: Network;
  /** Preprocessing that goes with it when --preprocessing_name is not given. */
  readonly preprocessingName: string;
  /**
   * Scopes of the variables of its head, such as 'InceptionV3/Logits'; unless given that of the last layer with
   * weights for each class.
   */
  readonly headScopes?: readonly string[];
}

/** A network of images with what the commands need to know of it. */
export interface ImageNetwork extends AnyNetwork {
  /** Images unless given. */
  readonly takes?: 'images';
  /** Side in pixels of the square images that it takes by default. */
  readonly defaultImageSize: number;
  /** Channels of the images that it was made for, 3 unless given; what it gets, the data decide. */
  readonly defaultChannels?: 1 | 3;
}

/** A network of texts with what the commands need to know of it. */
export interface TextNetwork extends AnyNetwork {
  readonly takes: 'texts';
  /** Tokens of a text that it takes by default. */
  readonly defaultSequenceLength: number;
}

/** A network of either kind. */
export type NetworkDefinition = ImageNetwork | TextNetwork;
