// Four thumbnails of a photo with sharp, as often as lines come in; each is answered with its milliseconds.
import { createInterface } from 'node:readline'
import { cpuUsage, hrtime, stdin, argv } from 'node:process'
import sharp from 'sharp'

const [, , photo, folder, quality, effort, ...sizes] = argv
sharp.cache(false)

const thumbnail = (size) =>
  sharp(photo)
    .rotate()
    .resize(size, size, { fit: 'inside', withoutEnlargement: true })
    .webp({ quality: Number(quality), effort: Number(effort) })
    .toFile(`${folder}/sharp-${size}.webp`)

for await (const _ of createInterface({ input: stdin })) {
  const started = hrtime.bigint()
  const before = cpuUsage()
  await Promise.all(sizes.map(Number).map(thumbnail))
  const { user, system } = cpuUsage(before)
  console.log(JSON.stringify({ wall: Number(hrtime.bigint() - started) / 1e6, cpu: (user + system) / 1e3 }))
}
