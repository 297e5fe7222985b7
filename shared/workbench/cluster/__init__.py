"""A level on a Kubernetes cluster: its own minikube or kind, or whichever the kubeconfig knows.

``shell`` runs the tools, ``target`` chooses the cluster and asks what one may do there, ``delivery`` brings images to
its nodes, ``charts`` knows what a level needs there first, ``needs`` how large a node must be, ``rollout`` waits.
``start``, ``deploy`` and ``air_gap`` are the commands; ``python -m workbench.cluster`` is what make calls.
"""
