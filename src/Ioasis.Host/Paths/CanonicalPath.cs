using Ioasis.Abi;

namespace Ioasis.Host.Paths;

/// <summary>Makes a path of the host canonical: without links, <c>.</c> and <c>..</c>.</summary>
/// <param name="call">The call of the caller that it is done for.</param>
/// <param name="path">The path.</param>
/// <param name="canonical">The result.</param>
internal delegate Errno CanonicalPath(in SeccompNotif call, string path, out string canonical);
