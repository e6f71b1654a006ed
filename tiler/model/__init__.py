"""The model room: the only one that imports TensorFlow and onnxruntime, each only when its network is to run.

card, contract      ModelCard, what a network is, expects and answers; cards() and find_card()
network, session    Network, the door that everything else knows; Session and open_session(), a network at work
fit, asking         from a picture to what a network is fed, and from its answer to an alpha
tensorflow_runtime  TensorFlowSession; graph_file and graph_ops read a frozen graph and refuse what is no arithmetic
onnx_runtime        OnnxSession; onnx_file does the same for an ONNX file
graph_report        what in a graph bears on tiling; onnx_report for an ONNX file
hub, trust          where a graph lies, fetching it, and whether it is the one that was used first
views, retry        asking a network at several sizes, and asking it again
"""
