using Ioasis.Abi;

namespace Ioasis.Iommufd.Ioctls;

/// <summary>What holds for objects of every kind.</summary>
internal static class ObjectIoctls
{
    internal static Errno Destroy(IoctlCall call, ref IommuDestroy args) => call.Context.Destroy(args.Id);
}
