using Ioasis.Iommufd.Objects;

namespace Ioasis.Tests.Iommufd;

/// <summary>A driver that remembers what it was told of, and does what the test says then.</summary>
internal sealed class TestAccessOwner(bool needsPinPages = true) : IAccessOwner
{
    public bool NeedsPinPages => needsPinPages;

    internal List<(ulong Iova, ulong Length)> Told { get; } = [];

    internal Action<ulong, ulong>? OnUnmap { get; set; }

    public void Unmap(ulong iova, ulong length)
    {
        lock (Told) Told.Add((iova, length));
        OnUnmap?.Invoke(iova, length);
    }
}
