"""Ten steps of each of TF-Slim's optimizers on a small problem, as TensorFlow takes them.

    python test/python/optimizers_reference.py > test/model/optimizers.golden.json

The problem: w [3, 2] is to make x·w equal to y [4, 2]; the loss is the sum of squares. Prints
JSON with the problem and, for each case, the optimizer's settings by losslens' flags, w after each
step and, after the last, the optimizer's own variables by their names in a checkpoint.
"""
import json

import numpy as np
import tensorflow as tf

v1 = tf.compat.v1
v1.disable_eager_execution()

RATE = 0.1
STEPS = 10
random = np.random.RandomState(3)
x = random.uniform(-1, 1, [4, 3]).astype(np.float32)
y = random.uniform(-1, 1, [4, 2]).astype(np.float32)
w0 = random.uniform(-1, 1, [3, 2]).astype(np.float32)

train = v1.train
CASES = {
    'sgd': ({'optimizer': 'sgd'}, train.GradientDescentOptimizer(RATE)),
    'momentum': ({'optimizer': 'momentum', 'momentum': 0.9}, train.MomentumOptimizer(RATE, 0.9)),
    'rmsprop with epsilon 1': (
        {'optimizer': 'rmsprop', 'rmsprop_decay': 0.9, 'rmsprop_momentum': 0.9, 'opt_epsilon': 1},
        train.RMSPropOptimizer(RATE, decay=0.9, momentum=0.9, epsilon=1.0)),
    'rmsprop with epsilon 1e-6': (
        {'optimizer': 'rmsprop', 'rmsprop_decay': 0.8, 'rmsprop_momentum': 0.5, 'opt_epsilon': 1e-6},
        train.RMSPropOptimizer(RATE, decay=0.8, momentum=0.5, epsilon=1e-6)),
    'adam with epsilon 1e-8': (
        {'optimizer': 'adam', 'adam_beta1': 0.9, 'adam_beta2': 0.999, 'opt_epsilon': 1e-8},
        train.AdamOptimizer(RATE, beta1=0.9, beta2=0.999, epsilon=1e-8)),
    'adam with epsilon 1': (
        {'optimizer': 'adam', 'adam_beta1': 0.8, 'adam_beta2': 0.99, 'opt_epsilon': 1},
        train.AdamOptimizer(RATE, beta1=0.8, beta2=0.99, epsilon=1.0)),
    'adagrad': (
        {'optimizer': 'adagrad', 'adagrad_initial_accumulator_value': 0.1},
        train.AdagradOptimizer(RATE, initial_accumulator_value=0.1)),
    'adadelta with epsilon 1': (
        {'optimizer': 'adadelta', 'adadelta_rho': 0.95, 'opt_epsilon': 1},
        train.AdadeltaOptimizer(RATE, rho=0.95, epsilon=1.0)),
    'adadelta with epsilon 1e-8': (
        {'optimizer': 'adadelta', 'adadelta_rho': 0.9, 'opt_epsilon': 1e-8},
        train.AdadeltaOptimizer(RATE, rho=0.9, epsilon=1e-8)),
    'ftrl': (
        {'optimizer': 'ftrl', 'ftrl_learning_rate_power': -0.5, 'ftrl_initial_accumulator_value': 0.1,
         'ftrl_l1': 0, 'ftrl_l2': 0},
        train.FtrlOptimizer(RATE, learning_rate_power=-0.5, initial_accumulator_value=0.1)),
    'ftrl with penalties': (
        {'optimizer': 'ftrl', 'ftrl_learning_rate_power': -0.7, 'ftrl_initial_accumulator_value': 0.2,
         'ftrl_l1': 0.3, 'ftrl_l2': 0.1},
        train.FtrlOptimizer(RATE, learning_rate_power=-0.7, initial_accumulator_value=0.2,
                            l1_regularization_strength=0.3, l2_regularization_strength=0.1)),
}


def numbers(array):
    return [float(value) for value in np.asarray(array).ravel()]


results = {}
for name, (settings, optimizer) in CASES.items():
    # The optimizer is made outside of the graph; it makes all that is of a graph in minimize().
    with tf.Graph().as_default(), v1.Session() as session:
        w = v1.get_variable('w', initializer=w0, use_resource=True)
        loss = tf.reduce_sum(tf.square(tf.matmul(x, w) - y))
        step = optimizer.minimize(loss)
        session.run(v1.global_variables_initializer())
        weights = []
        for _ in range(STEPS):
            session.run(step)
            weights.append(numbers(session.run(w)))
        variables = {
            variable.op.name: numbers(session.run(variable))
            for variable in v1.global_variables() if variable is not w
        }
    results[name] = {'settings': settings, 'weights': weights, 'variables': variables}

print(json.dumps({
    'rate': RATE,
    'x': numbers(x), 'y': numbers(y), 'w0': numbers(w0),
    'cases': results,
}))
