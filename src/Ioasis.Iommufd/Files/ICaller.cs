using System.Diagnostics.CodeAnalysis;
using Ioasis.Memory;

namespace Ioasis.Iommufd.Files;

/// <summary>Who makes a call: a process with its memory, its open files and its rights.</summary>
public interface ICaller
{
    /// <summary>
    /// The process's memory. The same object for all calls from one address space (threads share it; a fork has its own), so that
    /// comparing references tells whether two calls came from the same one.
    /// </summary>
    AddressSpace Memory { get; }

    /// <summary>What an open file descriptor of the process stands for; false when it is not open (EBADF). The caller of this
    /// method owns what it gets if that is disposable.</summary>
    bool TryGetFile(int descriptor, [NotNullWhen(true)] out IOpenFile? file);

    /// <summary>Whether the process has a capability (capabilities(7), CAP_SYS_RESOURCE is 24, CAP_IPC_LOCK is 14).</summary>
    bool HasCapability(int capability);
}
