using Ioasis.Abi;

namespace Ioasis.Iommufd.Files;

/// <summary>What an ioctl that is handed a file descriptor makes of it.</summary>
public static class CallerFile
{
    /// <summary>The file behind a descriptor that must be one of a kind.</summary>
    /// <param name="caller">Whose descriptor.</param>
    /// <param name="descriptor">The descriptor.</param>
    /// <param name="file">The file, when the answer is <see cref="Errno.None"/>.</param>
    /// <returns>EBADF when it is not open, ENOMEM when that could not be found out, EBADFD when it is something
    /// else.</returns>
    public static Errno TryGet<T>(this ICaller caller, int descriptor, out T? file) where T : class, IOpenFile
    {
        ArgumentNullException.ThrowIfNull(caller);
        file = null;
        Errno errno = caller.GetFile(descriptor, out IOpenFile? found);
        if (errno != Errno.None) return errno;
        file = found as T;
        if (file is not null) return Errno.None;
        (found as IDisposable)?.Dispose();
        return Errno.EBADFD;
    }
}
