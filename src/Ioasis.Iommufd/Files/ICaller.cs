using Ioasis.Abi;
using Ioasis.Memory;

namespace Ioasis.Iommufd.Files;

/// <summary>Who makes a call: a process with its memory, its open files and its rights.</summary>
public interface ICaller
{
    /// <summary>
    /// The process's memory. The same object for all calls from one address space (threads share it; a fork has its
    /// own), so that comparing references tells whether two calls came from the same one.
    /// </summary>
    AddressSpace Memory { get; }

    /// <summary>
    /// What an open file descriptor of the process stands for. The caller of this method owns what it gets if that is
    /// disposable.
    /// </summary>
    /// <returns>EBADF: it is not open. ENOMEM: the host has not what it takes to find out.</returns>
    Errno GetFile(int descriptor, out IOpenFile? file);

    /// <summary>
    /// Opens a node for the process, as an ioctl does that returns a descriptor: readable, writable and closed on exec.
    /// It is closed again if there is no place for it. No lock may be held that opening or closing a node's file takes.
    /// </summary>
    /// <returns>The descriptor, or why there is none: what the node says, or EMFILE.</returns>
    SysResult InstallFile(INode node);

    /// <summary>
    /// Gives the process one more descriptor of a file that is open: readable, writable and closed on exec. No lock may
    /// be held that closing a node's file takes.
    /// </summary>
    /// <returns>The descriptor, or why there is none: EBADF when the file is closed meanwhile, EMFILE,
    /// ENFILE.</returns>
    SysResult InstallAgain(NodeFile file) => Errno.EMFILE;

    /// <summary>
    /// Gives the process a queue to read from, as an ioctl does that makes one: closed on exec. It is closed again if
    /// there is no place for it. No lock may be held that closing it, taking its records or answering them takes.
    /// </summary>
    /// <returns>The descriptor, or why there is none: EMFILE, ENFILE.</returns>
    SysResult InstallQueue(QueueFile queue);

    /// <summary>
    /// What is pinned in the name of the process. The same object for all calls from one address space.
    /// </summary>
    ProcessPins Pins { get; }

    /// <summary>What is charged to its user (the real one). The same object for all processes of that user.</summary>
    UserPins UserPins { get; }

    /// <summary>
    /// Whether the process has a capability (capabilities(7), CAP_SYS_RESOURCE is 24, CAP_IPC_LOCK is 14).
    /// </summary>
    bool HasCapability(int capability);
}
