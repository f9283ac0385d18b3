using System.Diagnostics.CodeAnalysis;

// The API for plug-ins: drivers of units, ioctls, nodes.
[assembly: Experimental("IOASIS001")]
