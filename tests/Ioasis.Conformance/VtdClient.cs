using Ioasis.Abi;
using Ioasis.Client;
using Ioasis.Memory;

namespace Ioasis.Conformance;

/// <summary>What tests of first stages say in VT-d's terms: the client knows no kind of unit.</summary>
internal static class VtdClient
{
    extension(HardwareDescription hardware)
    {
        /// <summary>The registers of a VT-d unit; null if it is another kind.</summary>
        internal IommuHwInfoVtd? Vtd => hardware.As<IommuHwInfoVtd>();
    }

    internal static void Invalidate(this NestedHwpt hwpt, Iova at, ulong? pages, bool leafOnly = false) =>
        hwpt.Invalidate(X86FirstStage.Pages(at.Value, pages ?? ulong.MaxValue, leafOnly));

    internal static void InvalidateAll(this NestedHwpt hwpt) => hwpt.Invalidate(X86FirstStage.Everything);

    internal static void Invalidate(this SvaContext sva, Pasid pasid, Iova at, ulong? pages, bool leafOnly = false) =>
        sva.Invalidate(pasid, X86FirstStage.Pages(at.Value, pages ?? ulong.MaxValue, leafOnly));
}
