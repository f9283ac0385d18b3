using Ioasis.Abi;
using Ioasis.Iommufd;
using Ioasis.Iommufd.Files;

namespace Ioasis.Passthrough.Vdpa;

/// <summary>
/// An eventfd that a program names. It is looked up before a lock is taken, and an error counts only in its turn.
/// </summary>
/// <param name="Event">The eventfd; null on an error, or if the program wants none.</param>
/// <param name="Error">EBADF if the descriptor is not open, EINVAL if it is no eventfd, ENOMEM if the host cannot
/// tell.</param>
internal readonly record struct EventLookup(IEventFile? Event, Errno Error)
{
    internal static EventLookup Of(ICaller caller, int descriptor)
    {
        if (descriptor == VhostH.VHOST_FILE_UNBIND) return default;
        Errno errno = caller.GetFile(descriptor, out IOpenFile? file);
        if (errno != Errno.None) return new EventLookup(null, errno);
        if (file is IEventFile found) return new EventLookup(found, Errno.None);
        (file as IDisposable)?.Dispose();
        return new EventLookup(null, Errno.EINVAL.Because($"descriptor {descriptor} is not an eventfd"));
    }
}
