using Ioasis.Abi;
using Ioasis.Memory;

namespace Ioasis.Iommufd.Files;

/// <summary>The caller of an operation: a process with its memory, open files and rights.</summary>
public interface ICaller
{
    /// <summary>
    /// The process's memory. It is the same object for all calls from one address space (threads share it, a fork has
    /// its own), so comparing references tells whether two calls come from the same address space.
    /// </summary>
    AddressSpace Memory { get; }

    /// <summary>
    /// The file behind a descriptor of the process. If the file is disposable, it belongs to the caller of this method.
    /// </summary>
    /// <returns>EBADF if it is not open. ENOMEM if the host lacks the resources to find out.</returns>
    Errno GetFile(int descriptor, out IOpenFile? file);

    /// <summary>
    /// Opens a node for the process, as an ioctl does that returns a descriptor: readable, writable and closed on exec.
    /// If no descriptor is free, closes it again. The caller holds no lock that opening or closing a node's file takes.
    /// </summary>
    /// <returns>The descriptor, the node's error, or EMFILE.</returns>
    SysResult InstallFile(INode node);

    /// <summary>
    /// Gives the process another descriptor of an open file: readable, writable and closed on exec. The caller holds no
    /// lock that closing a node's file takes.
    /// </summary>
    /// <returns>The descriptor; EBADF if the file has been closed meanwhile, EMFILE, ENFILE.</returns>
    SysResult InstallAgain(NodeFile file) => Errno.EMFILE.Because("the program can have no further descriptor");

    /// <summary>
    /// Gives the process a descriptor of a queue, as the ioctl does that makes one: closed on exec. If no descriptor is
    /// free, closes it again. The caller holds no lock that closing the queue, or taking or answering its records,
    /// takes.
    /// </summary>
    /// <returns>The descriptor; EMFILE, ENFILE.</returns>
    SysResult InstallQueue(QueueFile queue);

    /// <summary>The pages pinned for the process. The same object for all calls from one address space.</summary>
    ProcessPins Pins { get; }

    /// <summary>The pages charged to its real user. The same object for all processes of that user.</summary>
    UserPins UserPins { get; }

    /// <summary>
    /// Whether the process has a capability (capabilities(7), CAP_SYS_RESOURCE is 24, CAP_IPC_LOCK is 14).
    /// </summary>
    bool HasCapability(int capability);
}
