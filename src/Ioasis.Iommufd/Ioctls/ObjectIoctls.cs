using Ioasis.Abi;

namespace Ioasis.Iommufd.Ioctls;

/// <summary>Ioctls on objects of every kind.</summary>
internal static class ObjectIoctls
{
    internal static Errno Destroy(in IoctlCall call, ref IommuDestroy args) => call.Context.Destroy(args.Id);
}
