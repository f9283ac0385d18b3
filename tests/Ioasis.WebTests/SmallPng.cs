using System.Buffers.Binary;
using System.IO.Compression;
using Microsoft.Playwright;

namespace Ioasis.WebTests;

/// <summary>
/// Makes a browser's picture small enough for a repository: at most 256 colours, each pixel one of them, packed well.
/// Letters have some hundred shades; those that are rare become the nearest that is not.
/// </summary>
internal static class SmallPng
{
    private const string ToPalette = """
        async (text) => {
          const image = await createImageBitmap(await (await fetch(`data:image/png;base64,${text}`)).blob());
          const context = new OffscreenCanvas(image.width, image.height).getContext("2d");
          context.drawImage(image, 0, 0);
          const data = new Uint32Array(context.getImageData(0, 0, image.width, image.height).data.buffer);
          const counts = new Map();
          for (const one of data) counts.set(one, (counts.get(one) ?? 0) + 1);
          const colours = [...counts.keys()].sort((a, b) => counts.get(b) - counts.get(a)).slice(0, 256);
          const parts = (c) => [c & 255, c >> 8 & 255, c >> 16 & 255];
          const known = new Map(colours.map((c, i) => [c, i]));
          const nearest = (one) => {
            let best = 0, least = Infinity;
            for (let i = 0; i < colours.length; i++) {
              const off = parts(one).reduce((sum, v, k) => sum + (v - parts(colours[i])[k]) ** 2, 0);
              if (off < least) [best, least] = [i, off];
            }
            known.set(one, best);
            return best;
          };
          const pixels = Uint8Array.from(data, (one) => known.get(one) ?? nearest(one));
          let binary = "";
          for (let i = 0; i < pixels.length; i += 32768) {
            binary += String.fromCharCode(...pixels.subarray(i, i + 32768));
          }
          return [String(image.width), colours.flatMap(parts).join(","), btoa(binary)];
        }
        """;

    private static readonly byte[] s_signature = [0x89, (byte)'P', (byte)'N', (byte)'G', 13, 10, 26, 10];

    /// <summary>The same picture with few colours.</summary>
    /// <param name="page">Any page: a browser reads the picture.</param>
    /// <param name="png">The picture.</param>
    internal static async Task<byte[]> Of(IPage page, byte[] png)
    {
        string[] read = await page.EvaluateAsync<string[]>(ToPalette, Convert.ToBase64String(png));
        int width = int.Parse(read[0], System.Globalization.CultureInfo.InvariantCulture);
        byte[] palette = [.. read[1].Split(',').Select(byte.Parse)], pixels = Convert.FromBase64String(read[2]);
        using var packed = new MemoryStream();
        using (var zlib = new ZLibStream(packed, CompressionLevel.SmallestSize, leaveOpen: true))
        {
            foreach (byte[] row in pixels.Chunk(width))
            {
                zlib.WriteByte(0); // no filter
                zlib.Write(row);
            }
        }

        byte[] header = new byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, width);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), pixels.Length / width);
        (header[8], header[9]) = (8, 3); // 8 bits a pixel, which are an index into the palette
        return [.. s_signature, .. Chunk("IHDR"u8, header), .. Chunk("PLTE"u8, palette),
            .. Chunk("IDAT"u8, packed.ToArray()), .. Chunk("IEND"u8, [])];
    }

    private static byte[] Chunk(ReadOnlySpan<byte> name, byte[] data)
    {
        byte[] chunk = new byte[12 + data.Length];
        BinaryPrimitives.WriteInt32BigEndian(chunk, data.Length);
        name.CopyTo(chunk.AsSpan(4));
        data.CopyTo(chunk, 8);
        BinaryPrimitives.WriteUInt32BigEndian(chunk.AsSpan(8 + data.Length), Crc(chunk.AsSpan(4, 4 + data.Length)));
        return chunk;
    }

    private static uint Crc(ReadOnlySpan<byte> bytes)
    {
        uint crc = uint.MaxValue;
        foreach (byte one in bytes)
        {
            crc ^= one;
            for (int bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ ((crc & 1) == 0 ? 0 : 0xedb88320);
        }

        return ~crc;
    }
}
