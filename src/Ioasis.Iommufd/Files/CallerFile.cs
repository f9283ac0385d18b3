using Ioasis.Abi;

namespace Ioasis.Iommufd.Files;

/// <summary>Converts file descriptors in ioctl arguments to files.</summary>
public static class CallerFile
{
    /// <summary>The file behind a descriptor, which must be of a given kind.</summary>
    /// <param name="caller">The caller whose descriptor it is.</param>
    /// <param name="descriptor">The descriptor.</param>
    /// <param name="file">The file, if the result is <see cref="Errno.None"/>.</param>
    /// <returns>
    /// EBADF if it is not open, ENOMEM if we lack the resources to find out, EBADFD if it is of another kind.
    /// </returns>
    public static Errno TryGet<T>(this ICaller caller, int descriptor, out T? file) where T : class, IOpenFile
    {
        ArgumentNullException.ThrowIfNull(caller);
        file = null;
        Errno errno = caller.GetFile(descriptor, out IOpenFile? found);
        if (errno != Errno.None) return errno;
        file = found as T;
        if (file is not null) return Errno.None;
        (found as IDisposable)?.Dispose();
        return Errno.EBADFD.Because($"descriptor {descriptor} is not the kind of file that the call needs");
    }
}
