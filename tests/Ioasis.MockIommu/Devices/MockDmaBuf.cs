using System.Runtime.InteropServices;
using Ioasis.Abi;
using Ioasis.Iommufd.Files;
using Ioasis.Memory;

namespace Ioasis.MockIommu.Devices;

/// <summary>Memory of a device that others may use until it is revoked (Linux: struct iommufd_test_dma_buf).</summary>
internal sealed class MockDmaBuf(int length) : NodeFile, IDmaBuf
{
    // Guards the importers and whether the memory is revoked. Taken before the importers' locks.
    private readonly Lock _lock = new();
    private readonly List<Attachment> _attachments = [];
    private readonly byte[] _memory = GC.AllocateArray<byte>(length, pinned: true);
    private bool _isRevoked;

    public ulong Length => (ulong)_memory.Length;

    public Errno Attach(IDmaBufImporter importer, out IDmaBufAttachment? attachment)
    {
        attachment = null;
        lock (_lock)
        {
            if (_isRevoked) return Errno.ENODEV;
            var created = new Attachment(this, importer);
            _attachments.Add(created);
            attachment = created;
            return Errno.None;
        }
    }

    /// <summary>Takes the memory from all that use it, and says whether others may have it.</summary>
    internal void SetRevoked(bool revoked)
    {
        lock (_lock)
        {
            _isRevoked = revoked;
            foreach (Attachment attachment in _attachments) attachment.Importer.InvalidateMappings();
        }
    }

    public override SysResult Ioctl(ICaller caller, uint command, ulong argument) => Errno.ENOTTY;

    /// <summary>Nothing: the memory stays for those that are attached.</summary>
    public override void Close()
    {
    }

    private sealed class Attachment(MockDmaBuf buffer, IDmaBufImporter importer) : IDmaBufAttachment
    {
        public IDmaBufImporter Importer => importer;

        public nint Address => Marshal.UnsafeAddrOfPinnedArrayElement(buffer._memory, 0);

        public bool TryRead(ulong offset, Span<byte> destination) =>
            buffer._memory.AsSpan((int)offset, destination.Length).TryCopyTo(destination);

        public bool TryWrite(ulong offset, ReadOnlySpan<byte> source) =>
            source.TryCopyTo(buffer._memory.AsSpan((int)offset, source.Length));

        public MemoryLocation Locate(ulong offset) => new(buffer, offset);

        public void Dispose()
        {
            lock (buffer._lock) buffer._attachments.Remove(this);
        }
    }
}
